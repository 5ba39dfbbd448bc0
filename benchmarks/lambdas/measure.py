"""One function, in a process of its own: its cold start, then its events.

    python measure.py FUNCTION_FOLDER MODULE EVENTS WARM_UP

The first event is the cold start's; some more warm it up, so that what is made once is
made; the others are measured.  Prints processor seconds, without those that stand in
for AWS, and the calls.
"""

import sys
import time

from fake_aws import install


class Context:
    """What Lambda passes along; it never runs out of time."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    function_name, memory_limit_in_mb = "consumer", 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:consumer"

    def get_remaining_time_in_millis(self):
        return 60_000


def main(folder, module, events, warm_up):
    import json  # noqa: PLC0415 (the runtime has it before the function does)

    with open(events) as file:  # noqa: PTH123 (pathlib is no part of the runtime)
        first, *others = [json.loads(line) for line in file]
    aws = install()
    sys.path.insert(0, folder)
    context = Context()
    began_s = time.process_time()
    handler = __import__(module).handler
    imported_s = time.process_time()
    answers = [handler(first, context)]
    first_s = time.process_time() - aws.spent_s
    modules = len(sys.modules)
    count = int(warm_up)
    answers += [handler(event, context) for event in others[:count]]
    spent_s, calls = aws.spent_s, aws.calls.copy()
    warm_s = time.process_time()
    answers += [handler(event, context) for event in others[count:]]
    warm_s = time.process_time() - warm_s - (aws.spent_s - spent_s)
    assert all(answer == {"batchItemFailures": []} for answer in answers), answers
    figures = {
        "import_s": imported_s - began_s,
        "cold_s": first_s - began_s,
        "warm_s": warm_s,
        "calls": sum((aws.calls - calls).values()),
        "alerts": aws.calls["Publish"] + aws.calls["PublishBatch"],
        "sales": aws.calls["PUT completed"],
        "modules": modules,
    }
    print(json.dumps(figures), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
