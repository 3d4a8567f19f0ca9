"""Prepares an S3 server for the store's contract tests.

Creates two buckets, a KMS key, and a user who may use only the first bucket, with the policy the
server's own error message recommends. Prints the variables the tests read. Signatures and IAM are
enforced from here on.
"""

import json
import sys
import urllib.request

import boto3

endpoint, kind = sys.argv[1:]
REGION = "eu-west-1"
BUCKET, OTHER = "oauth-tokens-under-test", "somebody-elses-bucket"


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


s3, iam, kms = client("s3"), client("iam"), client("kms")
for bucket in (BUCKET, OTHER):
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
key = kms.create_key(Description="credentials")["KeyMetadata"]["Arn"]
policy = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{BUCKET}",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        },
        {
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": key,
        },
    ],
}
user = "workspace-mcp"
iam.create_user(UserName=user)
iam.put_user_policy(
    UserName=user, PolicyName="credential-store", PolicyDocument=json.dumps(policy)
)
keys = iam.create_access_key(UserName=user)["AccessKey"]

if kind == "moto":
    # Until now everything was allowed; from the next request on nothing is without a signature.
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth",
        data=b"0",
        headers={"Content-Type": "text/plain"},
    )
    urllib.request.urlopen(request).read()

for name, value in {
    "S3_ENDPOINT": endpoint,
    "S3_REGION": REGION,
    "S3_BUCKET": BUCKET,
    "S3_OTHER_BUCKET": OTHER,
    "S3_KMS_KEY_ID": key,
    "S3_ACCESS_KEY_ID": keys["AccessKeyId"],
    "S3_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
}.items():
    print(f"{name}={value}")
