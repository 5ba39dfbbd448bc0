"""Brings the infrastructure of infra/ to AWS or to its emulator, and away again.

    synthesis   the CDK app runs, and writes templates      -> assembly
    assets      zips and templates go to a bucket
    plan        what would change, in words                 -> changes
    stacks      one stack is made, changed or deleted, by a change set
    checks      every function is invoked once
    removal     producers first, data last, and what is left is looked for

Nothing is kept on this machine: what is deployed, CloudFormation knows.
"""
