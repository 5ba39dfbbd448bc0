# shellcheck shell=bash
# The stages of a deployment, in order, and how each is deployed and destroyed. Each does
# nothing where all is done already: what failed is gone on with by running it again.
# Sourced by deploy.sh and destroy.sh, after config.sh.

# Read by the scripts that source this.
# shellcheck disable=SC2034
STAGES=(bucket code pipeline crawler)

# ------------------------------------------------- bucket: of the zips and the templates
deploy_bucket() {
  aws s3api head-bucket --bucket "$CODE_BUCKET" >/dev/null 2>&1 && return
  aws s3 mb "s3://$CODE_BUCKET" >/dev/null
  aws s3api put-public-access-block --bucket "$CODE_BUCKET" --public-access-block-configuration \
    BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
}

destroy_bucket() {
  aws s3api head-bucket --bucket "$CODE_BUCKET" >/dev/null 2>&1 || return 0
  empty_bucket "$CODE_BUCKET"
  aws s3 rb "s3://$CODE_BUCKET" >/dev/null
}

# -------------------------------------------- code: packaged, and uploaded if it is new
deploy_code() {
  local command
  command=$(cd "$TEMPLATES" && "$PENSTOCK" package --out "$ROOT/dist/lambda" \
    --arch "$ARCHITECTURE" --python "$PYTHON" --upload "$CODE_BUCKET" | tail -n 1)
  CODE_PREFIX=${command##*ParameterKey=CodePrefix,ParameterValue=}
  CODE_PREFIX=${CODE_PREFIX%% *}
}

destroy_code() { :; } # It goes with its bucket.

# ------------------------------------------------------------- pipeline: the whole stack
deploy_pipeline() {
  local parameters=("Environment=$ENVIRONMENT" "CodeBucket=$CODE_BUCKET" "CodePrefix=$CODE_PREFIX")
  parameters+=("Architecture=$ARCHITECTURE" "Python=$PYTHON")
  local more
  read -ra more <<<"$STACK_PARAMETERS"
  # A first creation that failed leaves a stack that can only be deleted.
  if [[ $(stack_status) == ROLLBACK_COMPLETE ]]; then
    destroy_stack
  fi
  aws cloudformation deploy --stack-name "$STACK_NAME" \
    --template-file "$TEMPLATES/cloudformation.yaml" --capabilities CAPABILITY_NAMED_IAM \
    --no-fail-on-empty-changeset ${PLAN[@]+"${PLAN[@]}"} \
    --parameter-overrides "${parameters[@]}" ${more[@]+"${more[@]}"} >&2
}

destroy_pipeline() {
  [[ -n $(stack_status) ]] || return 0
  local bucket
  bucket=$(output BucketName)
  # Whatever writes stops first, or the bucket would not stay empty.
  stop_writers
  if [[ -n $bucket ]]; then
    empty_bucket "$bucket"
  fi
  destroy_stack
}

destroy_stack() {
  aws cloudformation delete-stack --stack-name "$STACK_NAME"
  aws cloudformation wait stack-delete-complete --stack-name "$STACK_NAME"
}

# ------------------------------------------- crawler: finds the tables of the raw data
deploy_crawler() {
  local name=trading-data-crawler-$ENVIRONMENT
  [[ -n $(output WorkGroup) ]] || return 0
  # A crawler that runs already is as good as started.
  [[ $(aws glue get-crawler --name "$name" --query Crawler.State --output text) == READY ]] || return 0
  aws glue start-crawler --name "$name"
}

destroy_crawler() { :; } # It goes with the stack.

# ---------------------------------------------------------------------------- What they use
stack_status() {
  aws cloudformation describe-stacks --stack-name "$STACK_NAME" \
    --query 'Stacks[0].StackStatus' --output text 2>/dev/null || true
}

# The value of an output of the stack; nothing if it has none of that name.
output() {
  local found
  found=$(aws cloudformation describe-stacks --stack-name "$STACK_NAME" \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue | [0]" --output text)
  [[ $found == None ]] || printf '%s' "$found"
}

stop_writers() {
  local rule
  for rule in every-minute-trigger outbox-sweep-trigger; do
    aws events disable-rule --name "$rule-$ENVIRONMENT" 2>/dev/null || true
  done
}

# Delete every version of every object, a thousand at a time, as the API takes them.
empty_bucket() {
  local bucket=$1 kind batch
  for kind in Versions DeleteMarkers; do
    while true; do
      batch=$(aws s3api list-object-versions --bucket "$bucket" --max-items 1000 --output json \
        --query "{Objects: ${kind}[].{Key: Key, VersionId: VersionId}, Quiet: \`true\`}")
      [[ $batch == *VersionId* ]] || break
      aws s3api delete-objects --bucket "$bucket" --delete "$batch" >/dev/null
    done
  done
}
