"""Objects in S3."""

from collections.abc import Iterator

from penstock.aws.clients import Clients
from penstock.aws.errors import translated

__all__ = ["S3Objects"]


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
        client = self._clients("s3")
        with translated(f"put s3://{self._bucket}/{key}"):
            try:
                client.put_object(
                    Bucket=self._bucket, Key=key, Body=data, IfNoneMatch="*"
                )
            except client.exceptions.ClientError as e:
                if e.response["Error"]["Code"] != "PreconditionFailed":
                    raise
                return False
        return True

    def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`.

        Raises:
            ConfigError: There is no such bucket, or no leave to read it.
        """
        client = self._clients("s3")
        with translated(f"get s3://{self._bucket}/{key}"):
            try:
                answer = client.get_object(Bucket=self._bucket, Key=key)
                data: bytes = answer["Body"].read()
            except client.exceptions.NoSuchKey:
                return None
        return data

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

    def remove(self, key: str) -> None:
        """Remove an object; that there is none is no error.

        Raises:
            UnavailableError: It may or may not have been removed.
            ConfigError: There is no such bucket, or no leave to write to it.
        """
        with translated(f"delete s3://{self._bucket}/{key}"):
            self._clients("s3").delete_object(Bucket=self._bucket, Key=key)
