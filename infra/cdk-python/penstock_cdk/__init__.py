"""Penstock's infrastructure on AWS, as CDK stacks."""
