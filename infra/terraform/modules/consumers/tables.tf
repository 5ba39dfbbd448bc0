# The tables.  They hold prices, so all of them can be wound back.

locals {
  tables_arn = "${local.arn_start}:dynamodb:${var.runtime.region}:${local.account}:table"
  lookups = {
    for table, key in(var.events_stream == null ? {} : local.facts.events.lookup_tables) :
    table => { key = key, name = "${local.facts.names.lookup_table}-${table}-${var.environment}" }
  }
  history_keys = var.history_index ? ["ticker", "last_refreshed", "venue"] : ["ticker", "last_refreshed"]
}

resource "aws_dynamodb_table" "history" {
  name                        = local.named.history_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "ticker"
  range_key                   = "last_refreshed"
  deletion_protection_enabled = var.environment == "prod"

  dynamic "attribute" {
    for_each = local.history_keys

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.history_index ? ["by-venue"] : []

    content {
      name            = global_secondary_index.value
      hash_key        = "venue"
      range_key       = "last_refreshed"
      projection_type = "ALL"
    }
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_dynamodb_table" "state" {
  name                        = local.named.state_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "ticker"
  deletion_protection_enabled = var.environment == "prod"

  attribute {
    name = "ticker"
    type = "S"
  }

  attribute {
    name = "undelivered"
    type = "S"
  }

  # Sparse: only states whose outbox waits have the attribute.
  global_secondary_index {
    name            = "undelivered"
    hash_key        = "undelivered"
    range_key       = "ticker"
    projection_type = "KEYS_ONLY"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_dynamodb_table" "positions" {
  name                        = local.named.positions_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "ticker"
  deletion_protection_enabled = var.environment == "prod"

  attribute {
    name = "ticker"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_dynamodb_table" "lookup" {
  for_each = local.lookups

  name                        = each.value.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.key
  deletion_protection_enabled = var.environment == "prod"

  attribute {
    name = each.value.key
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}
