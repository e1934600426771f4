"""Make the artifact bucket where it does not exist yet; addresses and keys come from the environment."""

import os

import boto3

client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
name = os.environ["S3_BUCKET"]
if name in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
    print(f"bucket {name} exists")
else:
    client.create_bucket(Bucket=name)
    print(f"bucket {name} made")
