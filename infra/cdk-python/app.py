#!/usr/bin/env python3
"""Write the templates of Penstock's infrastructure: `cdk synth`, or run this."""

import os
import sys

from aws_cdk import App
from penstock_cdk.app import synthesise
from penstock_cdk.settings import SettingsError


def main() -> None:
    """Write the templates of what the context asks for, or say why not."""
    try:
        synthesise(
            App(),
            account=os.environ.get("CDK_DEFAULT_ACCOUNT", ""),
            region=os.environ.get("CDK_DEFAULT_REGION", ""),
        )
    except SettingsError as e:
        sys.exit(f"{e}")
    except RuntimeError as e:
        if "ValidationFailed" not in str(e):
            raise
        sys.exit("The templates break the rules named above")


main()
