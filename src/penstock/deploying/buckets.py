"""Empties buckets: what still holds anything is not deleted."""

from penstock.aws.errors import translated
from penstock.deploying.target import Target

__all__ = ["empty_bucket"]


def empty_bucket(target: Target, bucket: str) -> None:
    """Delete every version of every object."""
    s3 = target.clients("s3")
    with translated(f"s3 DeleteObjects {bucket}"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            objects = [{"Key": o["Key"], "VersionId": o["VersionId"]} for o in found]
            if objects:
                s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": objects, "Quiet": True}
                )
