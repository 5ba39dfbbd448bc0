/** The DynamoDB tables: history, state, positions and lookups. */

import { RemovalPolicy } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import type { Construct } from "constructs";

import { FACTS } from "./facts.ts";
import { isProd, type Settings } from "./settings.ts";

/** The tables of one deployment. */
export interface Tables {
  readonly history: dynamodb.Table;
  readonly state: dynamodb.Table;
  readonly positions: dynamodb.Table;
  readonly lookups: readonly dynamodb.Table[];
}

/** Makes the tables; they hold prices, so all of them can be wound back. */
export function makeTables(scope: Construct, settings: Settings): Tables {
  const { names } = FACTS;
  const environment = settings.environment;
  const table = (id: string, name: string, key: string, sort?: string): dynamodb.Table =>
    makeTable(scope, id, { name: `${name}-${environment}`, key, sort, kept: isProd(settings) });

  const history = table("history_table", names.history_table, "ticker", "last_refreshed");
  if (settings.historyIndex) {
    history.addGlobalSecondaryIndex({
      indexName: "by-venue",
      partitionKey: text("venue"),
      sortKey: text("last_refreshed"),
      projectionType: dynamodb.ProjectionType.ALL,
    });
  }
  const state = table("state_table", names.state_table, "ticker");
  // Sparse: only states whose outbox waits have the attribute.
  state.addGlobalSecondaryIndex({
    indexName: "undelivered",
    partitionKey: text("undelivered"),
    sortKey: text("ticker"),
    projectionType: dynamodb.ProjectionType.KEYS_ONLY,
  });
  const positions = table("positions_table", names.positions_table, "ticker");
  const lookups = settings.enrichment ? Object.entries(FACTS.events.lookup_tables) : [];
  return {
    history,
    state,
    positions,
    lookups: lookups.map(([of, key]) =>
      table(`lookup_table-${of}`, `${names.lookup_table}-${of}`, key),
    ),
  };
}

interface TableProps {
  readonly name: string;
  readonly key: string;
  readonly sort: string | undefined;
  /** Whether it stays when its stack goes. */
  readonly kept: boolean;
}

function makeTable(scope: Construct, id: string, props: TableProps): dynamodb.Table {
  return new dynamodb.Table(scope, id, {
    tableName: props.name,
    partitionKey: text(props.key),
    ...(props.sort && { sortKey: text(props.sort) }),
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: props.kept,
    removalPolicy: props.kept ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}

function text(name: string): dynamodb.Attribute {
  return { name, type: dynamodb.AttributeType.STRING };
}
