"""Settings that cannot be deployed, and what is said instead of deploying them."""

from tests.infra.templates import STREAM_ARN

_CONFIG = "penstock.toml.absent"

# By name: the context, and what is said.
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no shards": (
        {"streamShardCount": "0"},
        "streamShardCount = 0: expected a whole number from 1 to 10000."
        " Write for instance: -c streamShardCount=2",
    ),
    "too little memory": (
        {"lambdaMemorySize": "100"},
        "lambdaMemorySize = 100: expected a whole number from 128 to 10240."
        " Write for instance: -c lambdaMemorySize=256",
    ),
    "too long": (
        {"lambdaTimeout": "901"},
        "lambdaTimeout = 901: expected a whole number from 3 to 900."
        " Write for instance: -c lambdaTimeout=60",
    ),
    "no number": (
        {"lambdaTimeout": "1m"},
        "lambdaTimeout = 1m: expected a whole number from 3 to 900."
        " Write for instance: -c lambdaTimeout=60",
    ),
    "unknown environment": (
        {"environment": "production"},
        "environment = production: expected one of dev, test, staging, prod."
        " Write for instance: -c environment=dev",
    ),
    "records without order": (
        {"streamMode": "service-managed"},
        "streamMode = service-managed: records spread by the service ignore their"
        " partition keys, so that a ticker's trades would lose their order; expected"
        " provisioned or on-demand. Write for instance: -c streamMode=provisioned",
    ),
    "another region": (
        {"streamArn": STREAM_ARN.replace("us-east-1", "eu-west-3")},
        "streamArn = arn:aws:kinesis:eu-west-3:123456789012:stream/theirs: the stream"
        " is in eu-west-3, the functions would be in us-east-1, and Lambda reads no"
        " stream of another region. Deploy to eu-west-3 (AWS_REGION=eu-west-3), or name"
        " a stream of us-east-1",
    ),
    "no stream": (
        {"streamArn": "crypto-price-stream"},
        "streamArn = crypto-price-stream: that is no stream. Write:"
        " -c streamArn=arn:aws:kinesis:REGION:ACCOUNT:stream/NAME",
    ),
    "a key without a stream": (
        {"streamKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1"},
        "streamKeyArn = arn:aws:kms:us-east-1:123456789012:key/1: it is the key of an"
        " existing stream, and there is none. Write streamArn too, or leave"
        " streamKeyArn out",
    ),
    "an alias": (
        {"streamArn": STREAM_ARN, "streamKeyArn": "alias/theirs"},
        "streamKeyArn = alias/theirs: that is no key in us-east-1. Write:"
        " -c streamKeyArn=arn:aws:kms:us-east-1:ACCOUNT:key/ID",
    ),
    "no zips": (
        {"codeDir": "/nowhere"},
        "/nowhere/consumer.zip: the code of the consumer is not there. Make it first:"
        " penstock package --target lambda --arch arm64 --python 3.13",
    ),
    "no image": (
        {"producer": "ecs"},
        "producer = ecs needs the image of the producer's container. Write:"
        " -c producerImage=ACCOUNT.dkr.ecr.REGION.amazonaws.com/penstock:TAG",
    ),
    "too warm": (
        {"provisionedConcurrency": "9"},
        "provisionedConcurrency = 9: at most 8 consumers can run at once (shards x"
        " ParallelizationFactor). Write: -c provisionedConcurrency=8",
    ),
    "shards that nobody counts": (
        {"streamMode": "on-demand", "reserveConcurrency": "true"},
        "reserveConcurrency = true: AWS gives an on-demand stream as many shards as it"
        " needs, so that nobody can tell how many consumers."
        " Write: -c reserveConcurrency=false",
    ),
    "neither": (
        {"analytics": "yes"},
        "analytics = yes: expected true or false."
        " Write for instance: -c analytics=true",
    ),
    "no price": (
        {"priceThreshold": "nan"},
        "priceThreshold = nan: expected a price above 0."
        " Write for instance: -c priceThreshold=85000",
    ),
    "no address": (
        {"email": "them"},
        "email = them: expected an e-mail address."
        " Write for instance: -c email=you@example.com",
    ),
    "no settings": (
        {"config": _CONFIG},
        f"config = {_CONFIG}: cannot be read (No such file or directory); expected a"
        " file. Write for instance: -c config=penstock.toml",
    ),
    "a network for the emulator": (
        {"profile": "sandbox", "network": "vpc"},
        "network = vpc: the emulator has no NAT gateway and no Network Firewall."
        " Write: -c network=none",
    ),
    "a trail for the emulator": (
        {"profile": "sandbox", "audit": "true"},
        "audit = true: the emulator's CloudFormation has no CloudTrail."
        " Write: -c audit=false",
    ),
}
