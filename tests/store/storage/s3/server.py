"""An S3 server (moto) on a free port, that ends with its standard input.

It checks signatures once `INITIAL_NO_AUTH_ACTION_COUNT` requests were made: the four by which it is set up.
"""

import json
import sys

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "beamcat"
ALLOWED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
nobody = {
    "endpoint_url": f"http://{host}:{port}",
    "region_name": "us-east-1",
    "aws_access_key_id": "nobody",
    "aws_secret_access_key": "nobody",
}
iam = boto3.client("iam", **nobody)
iam.create_user(UserName="beamcat")
iam.put_user_policy(UserName="beamcat", PolicyName="all", PolicyDocument=json.dumps(ALLOWED))
key = iam.create_access_key(UserName="beamcat")["AccessKey"]
boto3.client("s3", **nobody).create_bucket(Bucket=BUCKET)
told = {
    "endpoint": nobody["endpoint_url"],
    "bucket": BUCKET,
    "access_key_id": key["AccessKeyId"],
    "secret_access_key": key["SecretAccessKey"],
}
print(json.dumps(told), flush=True)
sys.stdin.read()
server.stop()
