"""Every port on AWS: Kinesis, DynamoDB, S3 and SNS."""
