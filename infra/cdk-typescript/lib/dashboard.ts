/** The dashboard: is it alive, is it behind, is it right, is it worth it. */

import { CfnOutput, Duration, type Stack } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";

import type { Watched } from "./monitoring-stack.ts";
import { named } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface DashboardProps {
  readonly settings: Settings;
  readonly watched: Watched;
  readonly alarms: readonly cloudwatch.Alarm[];
}

const MINUTE = Duration.minutes(1);
const SUM = { period: MINUTE, statistic: "Sum" };

/** Makes the dashboard of `watched`, alarms first. */
export function makeDashboard(stack: Stack, props: DashboardProps): void {
  const { settings, watched, alarms } = props;
  const dashboardName = named(settings, "dashboard");
  const dashboard = new cloudwatch.Dashboard(stack, "Dashboard", {
    dashboardName,
    defaultInterval: Duration.hours(3),
  });
  dashboard.addWidgets(
    new cloudwatch.AlarmStatusWidget({ title: "Alarms", alarms: [...alarms], width: 24 }),
  );
  dashboard.addWidgets(...flow(watched), lag(watched));
  dashboard.addWidgets(...results(settings));
  dashboard.addWidgets(...health(watched));
  new CfnOutput(stack, "DashboardUrl", {
    value:
      `https://${stack.region}.console.aws.amazon.com/cloudwatch/home` +
      `?region=${stack.region}#dashboards:name=${dashboardName}`,
  });
}

function graph(
  title: string,
  left: cloudwatch.IMetric[],
  { width = 8, label = "" } = {},
): cloudwatch.IWidget {
  const leftYAxis = { label, min: 0, showUnits: false };
  return new cloudwatch.GraphWidget({ title, left, width, leftYAxis });
}

function flow({ stream, consumer }: Watched): cloudwatch.IWidget[] {
  const label = "a minute";
  const refused = { ...SUM, label: "refused" };
  return [
    graph(
      "Records in",
      [
        stream.metricIncomingRecords(SUM),
        stream.metricWriteProvisionedThroughputExceeded(refused),
      ],
      { label },
    ),
    graph(
      "Consumer",
      [consumer.metricInvocations(SUM), consumer.metricErrors(SUM), consumer.metricThrottles(SUM)],
      { label },
    ),
  ];
}

function lag({ stream, consumer }: Watched): cloudwatch.IWidget {
  const most = { period: MINUTE, statistic: "Maximum" };
  return graph(
    "How far behind",
    [
      consumer.metric("IteratorAge", most),
      stream.metricGetRecordsIteratorAgeMilliseconds({ ...most, label: "any reader" }),
    ],
    { label: "milliseconds" },
  );
}

function results(settings: Settings): cloudwatch.IWidget[] {
  const own = (metricName: string): cloudwatch.Metric =>
    new cloudwatch.Metric({
      namespace: "Penstock",
      metricName,
      dimensionsMap: { FunctionName: named(settings, "consumer") },
      ...SUM,
      label: metricName,
    });
  const label = "a minute";
  return [
    graph("Trades", [own("Trades")], { label }),
    graph(
      "What is not as it should be",
      ["Gaps", "Late", "Duplicates", "DeadLetters"].map(own),
      { label },
    ),
    graph("Alerts and profit", [own("Alerts"), own("Profit")]),
  ];
}

function health({ functions, tables }: Watched): cloudwatch.IWidget[] {
  return [
    graph(
      "Duration, p99",
      Object.entries(functions).map(([label, one]) =>
        one.metricDuration({ period: MINUTE, statistic: "p99", label }),
      ),
      { label: "milliseconds", width: 12 },
    ),
    graph(
      "Tables: write units",
      tables.map((table) =>
        table.metricConsumedWriteCapacityUnits({ ...SUM, label: table.node.id }),
      ),
      { label: "a minute", width: 12 },
    ),
  ];
}
