#!/usr/bin/env python3
"""Write the templates of Penstock's infrastructure: `cdk synth`, or run this."""

import os
import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks
from penstock_cdk.app import build
from penstock_cdk.settings import SettingsError, read_settings


def main() -> None:
    """Read the context, add the stacks, write the templates."""
    app = App()
    try:
        settings = read_settings(
            app,
            account=os.environ.get("CDK_DEFAULT_ACCOUNT", ""),
            region=os.environ.get("CDK_DEFAULT_REGION", ""),
        )
        build(app, settings)
    except SettingsError as e:
        sys.exit(f"{e}")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as e:
        if "ValidationFailed" not in str(e):
            raise
        sys.exit("The templates break the rules named above")


main()
