"""Google's protobuf as the other side of the transcoding tests (Tests/CSIWireTests/PythonPeerTests.swift).

    protobuf_peer.py generate SET SEED ROUNDS CASES   writes random instances of every message in the descriptor set
    protobuf_peer.py check SET CASES ANSWERS          compares what the Swift side made of them

CASES holds a line for each instance, ANSWERS a line for each line of CASES; fields are separated by tabs:

    message, bytes, JSON, JSON with original names and defaults
    message, JSON and both styles again from the bytes, bytes from either JSON

Bytes are base64, JSON stands on one line.
"""

import base64
import json
import math
import random
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

DEEPEST = 4
TEXTS = ["", "plain", "ünïcödé", "日本語", "🚢⚓", 'quotes " and \\', "line\nfeed\ttab", "\u0001\u001f\u007f", "\u2028",
         "</a>", "\x00", "e\u0301", "\u00e9"]
RANGES = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
}
DOUBLES = [0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 1e16, 123456789.0, 1e-7, math.inf, -math.inf, math.nan]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.10000000149011612, 3.4028234663852886e38, 1e10, math.inf, -math.inf, math.nan]


def load(path):
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    names = []

    def collect(message):
        if not message.GetOptions().map_entry:
            names.append(message.full_name)
        for nested in message.nested_types:
            collect(nested)

    for file in files.file:
        for message in pool.FindFileByName(file.name).message_types_by_name.values():
            collect(message)
    return pool, sorted(names)


def scalar(rng, field):
    kind = field.cpp_type
    if kind in RANGES:
        low, high = RANGES[kind]
        return rng.choice([0, 1, low, high, rng.randint(low, high), rng.randint(max(low, -1000), 1000)])
    if kind == Field.CPPTYPE_DOUBLE:
        return rng.choice(DOUBLES + [rng.uniform(-1e6, 1e6), rng.random()])
    if kind == Field.CPPTYPE_FLOAT:
        return rng.choice(FLOATS)
    if kind == Field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if kind == Field.CPPTYPE_ENUM:
        known = [value.number for value in field.enum_type.values]
        # An enum of proto3 may hold any number.
        strange = [] if field.enum_type.is_closed else [77, -5]
        return rng.choice(known * 5 + strange)
    if field.type == Field.TYPE_BYTES:
        return rng.randbytes(rng.randint(0, 7))
    return rng.choice(TEXTS + ["".join(rng.choices("abc-./_%é", k=rng.randint(1, 20)))])


def fill(rng, message, depth):
    descriptor = message.DESCRIPTOR
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.seconds = rng.choice([0, -62135596800, 253402300799, rng.randint(-62135596800, 253402300799)])
        message.nanos = rng.choice([0, 0, 1, 999999999, 500000000, 123456000, rng.randint(0, 999999999)])
        return
    left_out = set()
    for oneof in descriptor.oneofs:
        chosen = rng.choice([None, *oneof.fields])
        left_out.update(field.name for field in oneof.fields if field is not chosen)
    for field in descriptor.fields:
        required = field.is_required
        if field.name in left_out or (not required and rng.random() < 0.3):
            continue
        if field.is_repeated:
            repeated(rng, message, field, depth)
        elif field.message_type:
            if depth > 0:
                child = getattr(message, field.name)
                child.SetInParent()
                fill(rng, child, depth - 1)
        else:
            setattr(message, field.name, scalar(rng, field))


def repeated(rng, message, field, depth):
    target = getattr(message, field.name)
    for _ in range(rng.choice([0, 1, 2, 5])):
        if field.message_type is None:
            target.append(scalar(rng, field))
        elif field.message_type.GetOptions().map_entry:
            key = scalar(rng, field.message_type.fields_by_name["key"])
            value = field.message_type.fields_by_name["value"]
            if value.message_type is None:
                target[key] = scalar(rng, value)
            elif depth > 0:
                fill(rng, target[key], depth - 1)
        elif depth > 0:
            fill(rng, target.add(), depth - 1)


def as_json(message, original):
    return json.dumps(
        json_format.MessageToDict(
            message, preserving_proto_field_name=original, always_print_fields_with_no_presence=original),
        ensure_ascii=original)


def generate(pool, names, seed, rounds, path):
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for name in names:
            kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
            for _ in range(rounds):
                message = kind()
                fill(rng, message, DEEPEST)
                wire = base64.b64encode(message.SerializeToString()).decode()
                print(name, wire, as_json(message, False), as_json(message, True), sep="\t", file=file)


def same(left, right):
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        # Two shortest forms of one float may differ; that the value is exact is seen by parsing it.
        return left == right or math.isclose(left, right, rel_tol=1e-6)
    return type(left) is type(right) and left == right


def check(pool, cases, answers):
    failures = 0
    count = 0
    with open(cases, encoding="utf-8") as left, open(answers, encoding="utf-8") as right:
        for case, answer in zip(left, right, strict=True):
            count += 1
            name, wire, plain, original = case.rstrip("\n").split("\t")
            their_name, their_plain, their_original, from_plain, from_original = answer.rstrip("\n").split("\t")
            kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
            message = kind.FromString(base64.b64decode(wire))
            # Deterministic bytes tell apart what == does not: NaN, and the sign of zero.
            expected = message.SerializeToString(deterministic=True)

            def exact(other):
                return other.SerializeToString(deterministic=True) == expected

            checks = {
                "name": name == their_name,
                "JSON": same(json.loads(their_plain), json.loads(plain)),
                "JSON with original names": same(json.loads(their_original), json.loads(original)),
                "JSON, parsed": exact(json_format.Parse(their_plain, kind())),
                "JSON with original names, parsed": exact(json_format.Parse(their_original, kind())),
                "bytes from JSON": exact(kind.FromString(base64.b64decode(from_plain))),
                "bytes from JSON with original names": exact(kind.FromString(base64.b64decode(from_original))),
            }
            for what, passed in checks.items():
                if not passed:
                    failures += 1
                    if failures <= 20:
                        print(f"line {count}, {name}: {what} differs", plain, their_plain, original, their_original,
                              wire, from_plain, from_original, sep="\n    ")
    print(f"{count} instances, {failures} differences")
    return 1 if failures or not count else 0


def main():
    mode, descriptor_set, *rest = sys.argv[1:]
    pool, names = load(descriptor_set)
    if mode == "generate":
        generate(pool, names, int(rest[0]), int(rest[1]), rest[2])
        return 0
    return check(pool, *rest)


if __name__ == "__main__":
    sys.exit(main())
