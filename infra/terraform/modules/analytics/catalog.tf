# Glue: the tables that Athena asks, and a crawler that looks for others.

locals {
  database = "${local.facts.names.database}_${var.environment}"
  raw      = "s3://${var.bucket.name}/${local.facts.bucket.raw.prefix}"

  serdes = {
    json = "org.openx.data.jsonserde.JsonSerDe"
    # Its separator never stands in JSON, so that a whole line is the one column.
    lines = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
  }
  locations = {
    for name, table in local.facts.tables :
    name => "s3://${var.bucket.name}/${local.facts.bucket[table.part].prefix}"
  }
}

resource "aws_glue_catalog_database" "this" {
  name        = local.database
  description = "Trades, raw and completed"
}

# Their partitions are computed, so that none is ever added.
resource "aws_glue_catalog_table" "this" {
  for_each = local.facts.tables

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    "classification"                = "json"
    "projection.enabled"            = "true"
    "projection.hour.type"          = "date"
    "projection.hour.format"        = "yyyy/MM/dd/HH"
    "projection.hour.interval"      = "1"
    "projection.hour.interval.unit" = "HOURS"
    "projection.hour.range"         = "${local.facts.analytics.projection_from},NOW"
    "storage.location.template"     = "${local.locations[each.key]}$${hour}/"
  }

  partition_keys {
    name = "hour"
    type = "string"
  }

  storage_descriptor {
    location      = local.locations[each.key]
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = local.serdes[each.value.form]
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = columns.key
        type = columns.value
      }
    }
  }
}

module "crawler_role" {
  source = "../role"

  name    = local.named.crawler
  service = "glue"
  policy  = jsondecode(file("${path.module}/../../../policies/crawler.json"))
  arns = {
    bucket    = [var.bucket.arn]
    catalog   = ["${local.glue_arn}:catalog"]
    database  = ["${local.glue_arn}:database/${local.database}"]
    tables    = ["${local.glue_arn}:table/${local.database}/*"]
    log_group = ["${local.logs_arn}:/aws-glue/crawlers"]
  }
}

resource "aws_glue_crawler" "this" {
  name          = local.named.crawler
  role          = module.crawler_role.arn
  database_name = aws_glue_catalog_database.this.name
  table_prefix  = "crawled_"
  schedule      = local.facts.analytics.crawler_schedule

  s3_target {
    path = local.raw
  }

  schema_change_policy {
    update_behavior = "UPDATE_IN_DATABASE"
    delete_behavior = "LOG"
  }
}
