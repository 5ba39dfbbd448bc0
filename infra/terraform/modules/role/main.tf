# A role for one service, which may do what its policy says, and no more.

locals {
  # Each statement's "${placeholder}/rest" becomes one ARN, or several.
  statements = [
    for statement in var.policy.Statement : {
      sid     = try(statement.Sid, null)
      actions = statement.Action
      resources = flatten([
        for pattern in statement.Resource : [
          for arn in var.arns[regex("^\\$\\{(\\w+)\\}", pattern)[0]] :
          replace(pattern, "/^\\$\\{\\w+\\}/", arn)
        ]
      ])
    }
  ]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${var.service}.amazonaws.com"]
    }
  }
}

# A document, not text: the plan shows it even while one of the ARNs is not known yet.
data "aws_iam_policy_document" "this" {
  dynamic "statement" {
    for_each = local.statements

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role" "this" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "this" {
  name   = "penstock"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(var.managed_policies)

  role       = aws_iam_role.this.name
  policy_arn = each.value
}
