# shellcheck shell=bash
# What the scripts deploy, and where; set any of these in the environment to change it.
# Sourced by deploy.sh and destroy.sh.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# One of dev, test, staging, prod: what all names end in.
: "${ENVIRONMENT:=dev}"
: "${STACK_NAME:=data-enrichment-pipeline-$ENVIRONMENT}"
# Where the templates lie.
: "${TEMPLATES:=$ROOT/infra/cloudformation}"
# The command of penstock.
: "${PENSTOCK:=$ROOT/.venv/bin/penstock}"
# What the functions run on: arm64 or x86_64; 3.11, 3.12 or 3.13.
: "${ARCHITECTURE:=arm64}"
: "${PYTHON:=3.13}"
# Bucket of the zips and the templates; empty for one by the account and region.
: "${CODE_BUCKET:=}"
# More of the template's parameters: "StreamShardCount=4 Enrichment=true".
: "${STACK_PARAMETERS:=}"

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$(basename "$0"): $*"
  exit 2
}

# Check that each command is there, that AWS knows us, and where we are.
check_prerequisites() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null || fail "$name is not here: install it, then run this again"
  done
  case $ENVIRONMENT in
    dev | test | staging | prod) ;;
    *) fail "ENVIRONMENT must be dev, test, staging or prod; found $ENVIRONMENT" ;;
  esac
  [[ -f $TEMPLATES/cloudformation.yaml ]] || fail "no cloudformation.yaml in TEMPLATES=$TEMPLATES"
  REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
  [[ -n $REGION ]] || fail "no region: set AWS_REGION"
  ACCOUNT=$(aws sts get-caller-identity --query Account --output text) \
    || fail "AWS accepts no credentials: set them up with aws configure, or AWS_PROFILE"
  [[ -n $CODE_BUCKET ]] || CODE_BUCKET=penstock-code-$ACCOUNT-$REGION-$ENVIRONMENT
  export AWS_REGION=$REGION AWS_PAGER=""
}
