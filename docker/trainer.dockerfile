# The entry points of MLproject; torch's wheels bring CUDA, the machine brings the driver.
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /opt/requirements.txt
RUN pip install --no-cache-dir -r /opt/requirements.txt
WORKDIR /segmint
COPY MLproject conda.yaml requirements.txt ./
COPY src ./src
COPY configs ./configs
RUN useradd --create-home segmint && mkdir -p meta .segmint && chown -R segmint /segmint
USER segmint
ENTRYPOINT ["mlflow", "run", ".", "--env-manager=local"]
