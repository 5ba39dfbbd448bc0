"""The CloudFormation templates, and what of them the emulator can hold."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "infra" / "cloudformation"
NAMES = ("cloudformation.yaml", "foundation.yaml", "monitoring.yaml")
PREFIX = "penstock/"

# What MiniStack's CloudFormation refuses before it makes anything, even where a
# condition is false (docs/reference/sandbox.md).
LEFT_OUT = (
    "AWS::Athena::NamedQuery",
    "AWS::Budgets::Budget",
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::NatGateway",
    "AWS::NetworkFirewall::Firewall",
    "AWS::NetworkFirewall::FirewallPolicy",
    "AWS::NetworkFirewall::RuleGroup",
)


def text_of(name):
    return (FOLDER / name).read_text()


def for_the_emulator(text):
    """Leave out resources of the types above, and alarms over a sum of metrics."""
    types = {f"    Type: {name}" for name in LEFT_OUT}
    blocks = [
        block
        for block in text.split("\n\n")
        if not types & set(block.splitlines()) and "\n      Metrics:\n" not in block
    ]
    lines = "\n\n".join(blocks).splitlines()
    return "\n".join(line for line in lines if "TableThrottles.Arn" not in line)


def upload(client, bucket, zips):
    """Put into a new bucket what a stack needs, but for what the emulator refuses."""
    client("s3").create_bucket(Bucket=bucket)
    for name in NAMES:
        body = for_the_emulator(text_of(name)).encode()
        client("s3").put_object(Bucket=bucket, Key=PREFIX + name, Body=body)
    for path in sorted(zips.glob("*.zip")):
        key = PREFIX + path.name
        client("s3").put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
