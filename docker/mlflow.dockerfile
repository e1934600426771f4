# The MLflow server, with the same pinned mlflow, psycopg2 and boto3 as the project.
FROM python:3.11-slim-bookworm
COPY requirements.txt /opt/requirements.txt
RUN grep -E '^(mlflow|flask-wtf|psycopg2-binary|boto3)==' /opt/requirements.txt > /opt/server.txt \
 && pip install --no-cache-dir -c /opt/requirements.txt -r /opt/server.txt
RUN useradd --create-home mlflow
USER mlflow
