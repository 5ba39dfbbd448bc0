#!/usr/bin/env bash
# Destroy every stage of the pipeline, last to first, with all its data.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'END'
Usage: destroy.sh [--yes]

Destroys what deploy.sh has deployed, with all data in it, and says what it asks for: the
name of the environment. In prod the tables are protected: take that away first.

  --yes  do not ask

Settings are variables of the environment: config.sh lists them. What is gone is skipped:
after a failure, run this again.
END
}

# shellcheck source=scripts/deployment-automation-scripts/config.sh
source "$here/config.sh"
# shellcheck source=scripts/deployment-automation-scripts/stacks_config.sh
source "$here/stacks_config.sh"

is_sure=false
for option in "$@"; do
  case $option in
    --yes) is_sure=true ;;
    --help | -h)
      usage
      exit
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
done

check_prerequisites aws
if [[ $is_sure == false ]]; then
  read -rp "All of $STACK_NAME in $ACCOUNT, $REGION, with its data? Type $ENVIRONMENT: " answer
  [[ $answer == "$ENVIRONMENT" ]] || fail "nothing was destroyed"
fi
trap 'say "${STAGES[i]} failed. Mend what it says, then run this again"' ERR
for ((i = ${#STAGES[@]} - 1; i >= 0; i--)); do
  say "== ${STAGES[i]}"
  "destroy_${STAGES[i]}"
done
