#!/usr/bin/env bash
# Deploy every stage of the pipeline, in order, with the CloudFormation templates.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'END'
Usage: deploy.sh [--plan] [--from STAGE]

Deploys the pipeline with the templates of infra/cloudformation, stage by stage:
  bucket    for the functions' zips and the templates
  code      package the functions, and upload them
  pipeline  the CloudFormation stack: all there is
  crawler   start it, so that the raw data's tables are found

  --plan        make the change set of the stack, show it, and execute nothing
  --from STAGE  begin there; code is looked at always

Settings are variables of the environment: config.sh lists them. A stage that is done is
not done again: after a failure, run this again.
END
}

# shellcheck source=scripts/deployment-automation-scripts/config.sh
source "$here/config.sh"
# shellcheck source=scripts/deployment-automation-scripts/stacks_config.sh
source "$here/stacks_config.sh"

PLAN=()
first=bucket
is_plan=false
while (($#)); do
  case $1 in
    --plan)
      PLAN=(--no-execute-changeset)
      is_plan=true
      ;;
    --from)
      first=${2:?--from needs a stage}
      shift
      ;;
    --help | -h)
      usage
      exit
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
[[ " ${STAGES[*]} " == *" $first "* ]] || fail "no stage $first: one of ${STAGES[*]}"

check_prerequisites aws "$PENSTOCK"
is_due=false
# Not `deploy_x || ...`, which would let a function go on after a command that failed.
trap 'say "$stage failed. Mend what it says, then go on with: $0 --from $stage"' ERR
for stage in "${STAGES[@]}"; do
  [[ $stage == "$first" ]] && is_due=true
  [[ $is_due == true || $stage == code ]] || continue
  [[ $is_plan == false || $stage != crawler ]] || continue
  say "== $stage"
  "deploy_$stage"
done
if [[ $is_plan == true ]]; then
  newest=$(aws cloudformation list-change-sets --stack-name "$STACK_NAME" \
    --query 'sort_by(Summaries, &CreationTime)[-1].ChangeSetName' --output text)
  aws cloudformation describe-change-set --stack-name "$STACK_NAME" --change-set-name "$newest" \
    --query 'Changes[].ResourceChange.[Action, ResourceType, LogicalResourceId]' --output text
else
  aws cloudformation describe-stacks --stack-name "$STACK_NAME" \
    --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]' --output text
fi
