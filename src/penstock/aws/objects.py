"""Objects in S3."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from penstock.aws.clients import Clients
from penstock.aws.errors import code_of, translated

__all__ = ["S3Objects"]

# Answers to a write under a condition that does not hold, or no longer: another was
# first, is at it, or has removed what was to be replaced.
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


class S3Objects:
    """An `ObjectStore` in one bucket, which encrypts by itself."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients, self._bucket = clients, bucket

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`.

        Raises:
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        with translated(f"put s3://{self._bucket}/{key}"):
            self._clients("s3").put_object(Bucket=self._bucket, Key=key, Body=data)

    def put_new(self, key: str, data: bytes) -> bool:
        """Store an object unless there is one of that key; return whether it was.

        Raises:
            UnavailableError: It may or may not have been stored.
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        return self._write("put", "put_object", Key=key, Body=data, IfNoneMatch="*")

    def replace(self, key: str, data: bytes, tag: str) -> bool:
        """Store an object over the one of that tag; return whether it was still there.

        Raises:
            UnavailableError: It may or may not have been stored.
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        return self._write("put", "put_object", Key=key, Body=data, IfMatch=tag)

    def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`.

        Raises:
            ConfigError: There is no such bucket, or no leave to read it.
        """
        return self.get_tagged(key)[0]

    def get_tagged(self, key: str) -> tuple[bytes | None, str]:
        """Return an object and its tag; None and "" where there is none.

        Raises:
            UnavailableError: S3 did not answer.
            ConfigError: There is no such bucket, or no leave to read it.
        """
        client = self._clients("s3")
        with translated(f"get s3://{self._bucket}/{key}"):
            try:
                answer = client.get_object(Bucket=self._bucket, Key=key)
                data: bytes = answer["Body"].read()
            except client.exceptions.NoSuchKey:
                return None, ""
        return data, answer["ETag"]

    def keys(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore.keys`; S3 sorts them as UTF-8.

        Raises:
            ConfigError: There is no such bucket, or no leave to list it.
        """
        client = self._clients("s3")
        arguments = {"Bucket": self._bucket, "Prefix": prefix}
        while True:
            with translated(f"list s3://{self._bucket}/{prefix}"):
                answer = client.list_objects_v2(**arguments)
            yield from (found["Key"] for found in answer.get("Contents", ()))
            if not answer.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = answer["NextContinuationToken"]

    def remove(self, key: str, tag: str) -> bool:
        """Remove the object of that tag; return whether it was still there.

        Raises:
            UnavailableError: It may or may not have been removed.
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        return self._write("delete", "delete_object", Key=key, IfMatch=tag)

    def _write(self, verb: str, operation: str, **arguments: Any) -> bool:  # noqa: ANN401
        # Returns whether the condition held.
        call = getattr(self._clients("s3"), operation)
        with translated(f"{verb} s3://{self._bucket}/{arguments['Key']}"):
            try:
                call(Bucket=self._bucket, **arguments)
            except ClientError as e:
                if code_of(e) not in _LOST:
                    raise
                return False
        return True
