"""The one room that writes what must survive: vocabularies, stores, checkpoints, models, predictions.

Protocol of a directory: check the free space; write every file under a temporary name beside the target,
hashing on the way; flush, fsync and close each; write the manifest (sizes, SHA-256, own digest) last; fsync
the directory; rename it to its final name, or let it change places with the old one; fsync the parent; only
then remove the old one. A reader therefore finds the old state or the new one, never a mixture, at whatever
instant the writer was killed or the power went (on file systems that cannot exchange two names: see
:mod:`~bertwright.durable.replacement`). What a killed writer leaves goes when the same output is written
again.
"""

from bertwright.durable.directories import NewDirectory
from bertwright.durable.files import (
    digest_of_file,
    fingerprint,
    link,
    make_directory,
    open_new,
    reported,
    write_file,
)
from bertwright.durable.locks import lock
from bertwright.durable.logs import LogFile
from bertwright.durable.manifests import (
    MANIFEST,
    Manifest,
    digest_of,
    read_claim,
    read_manifest,
    verify,
)
from bertwright.durable.members import check_member, check_name, member
from bertwright.durable.questions import (
    check_free_space,
    check_new_file,
    check_place,
    is_within,
    look_at,
    require_elsewhere,
    same_place,
)
from bertwright.durable.replacement import check_new_directory
from bertwright.durable.staging import StagedDirectory
from bertwright.durable.unfinished import UnfinishedWork, unfinished_directory

__all__ = [
    "MANIFEST",
    "LogFile",
    "Manifest",
    "NewDirectory",
    "StagedDirectory",
    "UnfinishedWork",
    "check_free_space",
    "check_member",
    "check_name",
    "check_new_directory",
    "check_new_file",
    "check_place",
    "digest_of",
    "digest_of_file",
    "fingerprint",
    "is_within",
    "link",
    "lock",
    "look_at",
    "make_directory",
    "member",
    "open_new",
    "read_claim",
    "read_manifest",
    "reported",
    "require_elsewhere",
    "same_place",
    "unfinished_directory",
    "verify",
    "write_file",
]
