#!/usr/bin/env bash
# Destroy what deploy.sh has deployed, and what it has packaged on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/deployment-automation-scripts/destroy.sh "$@"
rm -rf dist/lambda
