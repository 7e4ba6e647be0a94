"""Drives a running driver through the whole life of a volume with nothing but what server reflection tells: no stub and
no .proto file is used, so what is checked is the interface as a stranger meets it.

Ends with code 0 and the line "life ok", or at the first difference with code 1 and a sentence that says what differs.
The caller runs it where it may mount, in the mount namespace of the driver.
"""

import argparse
import errno
import os
import pathlib
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICES = {
    "csi.v1.Identity",
    "csi.v1.Controller",
    "csi.v1.Node",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "moorage.inspect.v1.Inspect",
}
TIMEOUT_SECONDS = 20
LONGEST_ERROR_BYTES = 1024
MIB = 1 << 20
# Both targets are published at once, which SINGLE_NODE_WRITER would forbid.
CAPABILITY = {"mount": {}, "accessMode": {"mode": "SINGLE_NODE_MULTI_WRITER"}}


class Difference(Exception):
    """The driver does not do what it should; the text says what was expected and what was found."""


def expect(truth, text):
    if not truth:
        raise Difference(text)


def mounts_at_or_below(directory):
    """os.path.ismount does not see a bind mount of the same file system. Paths here need no unescaping."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        places = [line.split()[4] for line in mounts]
    return [place for place in places if place == str(directory) or place.startswith(f"{directory}/")]


class Driver:
    """Calls methods by their short names, with requests in JSON form and messages as answers."""

    def __init__(self, endpoint):
        self.channel = grpc.insecure_channel(endpoint)
        try:
            grpc.channel_ready_future(self.channel).result(timeout=TIMEOUT_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise Difference(f"nobody answers at {endpoint} within {TIMEOUT_SECONDS} s") from error
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)
        self.methods = {}
        for service in ("csi.v1.Identity", "csi.v1.Controller", "csi.v1.Node", "grpc.health.v1.Health"):
            for method in self.pool.FindServiceByName(service).methods:
                self.methods[method.name] = method

    def call(self, name, /, **fields):
        method = self.methods.get(name)
        expect(method is not None, f"reflection shows no method {name}")
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.ParseDict(fields, request)
        callable_ = self.channel.unary_unary(
            f"/{method.containing_service.full_name}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        return callable_(request, timeout=TIMEOUT_SECONDS)

    def succeed(self, name, /, **fields):
        try:
            return self.call(name, **fields)
        except grpc.RpcError as error:
            raise Difference(f"{name} should be OK and is {error.code().name}: {error.details()}") from error

    def succeed_twice(self, name, /, **fields):
        """Every call may be repeated, with the same answer."""
        first = self.succeed(name, **fields)
        second = self.succeed(name, **fields)
        expect(first == second, f"{name} answered\n{first}\nand, repeated,\n{second}")
        return first

    def refuse(self, code, name, /, **fields):
        try:
            answer = self.call(name, **fields)
        except grpc.RpcError as error:
            told = f"{name} with {fields}"
            expect(error.code() == code, f"{told} should be {code.name}, is {error.code().name}: {error.details()}")
            # The text for a method that is not served is gRPC's own.
            expect(error.details() or code == grpc.StatusCode.UNIMPLEMENTED, f"{told}: {code.name} without a text")
            expect(len(error.details().encode()) <= LONGEST_ERROR_BYTES, f"{told}: the text of the error is too long")
            return
        raise Difference(f"{name} with {fields} should be {code.name} and is OK:\n{answer}")


def check_reflection(driver):
    found = set(driver.database.get_services())
    expect(SERVICES <= found, f"reflection v1alpha does not list {sorted(SERVICES - found)}; it lists {sorted(found)}")

    # v1 has the messages of v1alpha under another package, which the bytes do not show.
    talk = driver.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="csi.v1.Node"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="csi.v1.Nothing"),
    ]
    answers = list(talk(iter(requests), timeout=TIMEOUT_SECONDS))
    expect(len(answers) == len(requests), f"reflection v1 gave {len(answers)} answers to {len(requests)} requests")
    listed = {service.name for service in answers[0].list_services_response.service}
    expect(listed == found, f"reflection v1 lists {sorted(listed)}, v1alpha {sorted(found)}")
    expect(answers[1].file_descriptor_response.file_descriptor_proto, "reflection v1 gives no file for csi.v1.Node")
    code = answers[2].error_response.error_code
    expect(code == grpc.StatusCode.NOT_FOUND.value[0], f"an unknown symbol should be NOT_FOUND in v1, is {code}")


def check_identity(driver):
    info = driver.succeed_twice("GetPluginInfo")
    expect(info.name and info.vendor_version, f"GetPluginInfo should give name and vendor_version:\n{info}")
    probe = driver.succeed_twice("Probe")
    expect(not probe.HasField("ready") or probe.ready.value, "Probe says that the driver is not ready")
    capabilities = json_format.MessageToDict(driver.succeed_twice("GetPluginCapabilities")).get("capabilities", [])
    expect({"service": {"type": "CONTROLLER_SERVICE"}} in capabilities, f"no CONTROLLER_SERVICE in {capabilities}")
    health = json_format.MessageToDict(driver.succeed_twice("Check"))
    expect(health == {"status": "SERVING"}, f"the health service should say SERVING, says {health}")


def listed_volumes(driver):
    """The ids of all volumes, asked for one by one so that paging is needed as soon as there are two."""
    ids = []
    token = ""
    while True:
        page = driver.succeed_twice("ListVolumes", maxEntries=1, startingToken=token)
        expect(len(page.entries) <= 1, f"ListVolumes gave {len(page.entries)} entries, asked for 1")
        ids += [entry.volume.volume_id for entry in page.entries]
        token = page.next_token
        if not token:
            return ids


def check_controller(driver, name):
    """Makes the volume; returns its id and context."""
    creation = {
        "name": name,
        "capacityRange": {"requiredBytes": 16 * MIB},
        "volumeCapabilities": [CAPABILITY],
    }
    volume = driver.succeed_twice("CreateVolume", **creation).volume
    expect(volume.volume_id, "CreateVolume gave no volume_id")
    expect(volume.capacity_bytes >= 16 * MIB, f"16 MiB were asked for, {volume.capacity_bytes} bytes made")
    context = dict(volume.volume_context)

    validated = driver.succeed_twice(
        "ValidateVolumeCapabilities",
        volumeId=volume.volume_id,
        volumeContext=context,
        volumeCapabilities=[CAPABILITY],
    )
    expect(validated.HasField("confirmed"), f"the capability should be confirmed: {validated.message}")
    expect(len(validated.confirmed.volume_capabilities) == 1, "the confirmation should repeat the capability")
    ids = listed_volumes(driver)
    expect(ids.count(volume.volume_id) == 1, f"ListVolumes should have {volume.volume_id} once: {ids}")
    described = driver.succeed_twice("ControllerGetVolume", volumeId=volume.volume_id).volume
    expect(described == volume, f"ControllerGetVolume says\n{described}\nCreateVolume said\n{volume}")
    capacity = driver.succeed("GetCapacity").available_capacity
    expect(capacity > 0, f"GetCapacity should be more than 0, is {capacity}")

    larger = dict(creation, capacityRange={"requiredBytes": 32 * MIB})
    driver.refuse(grpc.StatusCode.ALREADY_EXISTS, "CreateVolume", **larger)
    return volume.volume_id, context


def check_wrong_calls(driver, volume, work):
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    missing = grpc.StatusCode.NOT_FOUND
    stranger = volume + "-missing"
    staging = str(work / "staging-of-nothing")
    target = str(work / "target-of-nothing")
    os.mkdir(staging)
    calls = [
        (invalid, "CreateVolume", {"volumeCapabilities": [CAPABILITY]}),
        (invalid, "CreateVolume", {"name": "no-capabilities"}),
        (invalid, "CreateVolume", {
            "name": "unknown-parameter", "volumeCapabilities": [CAPABILITY], "parameters": {"nonsense": "1"},
        }),
        (invalid, "DeleteVolume", {}),
        (invalid, "ValidateVolumeCapabilities", {"volumeId": volume}),
        (missing, "ValidateVolumeCapabilities", {"volumeId": stranger, "volumeCapabilities": [CAPABILITY]}),
        (missing, "ControllerGetVolume", {"volumeId": stranger}),
        (grpc.StatusCode.ABORTED, "ListVolumes", {"startingToken": "no token of this driver"}),
        (missing, "NodeStageVolume", {
            "volumeId": stranger, "stagingTargetPath": staging, "volumeCapability": CAPABILITY,
        }),
        (invalid, "NodeStageVolume", {"volumeId": volume, "stagingTargetPath": staging}),
        (missing, "NodeGetVolumeStats", {"volumeId": stranger, "volumePath": target}),
        (missing, "NodeGetVolumeStats", {"volumeId": volume, "volumePath": target}),
        (grpc.StatusCode.FAILED_PRECONDITION, "NodePublishVolume", {
            "volumeId": volume, "targetPath": target, "volumeCapability": CAPABILITY,
        }),
        (invalid, "NodeUnpublishVolume", {"volumeId": volume}),
        (grpc.StatusCode.UNIMPLEMENTED, "ControllerExpandVolume", {
            "volumeId": volume, "capacityRange": {"requiredBytes": 32 * MIB},
        }),
    ]
    for code, name, fields in calls:
        driver.refuse(code, name, **fields)
    left = mounts_at_or_below(staging) + os.listdir(staging)
    expect(not left, f"a refused NodeStageVolume left something behind: {left}")
    expect(not os.path.lexists(target), "a refused NodePublishVolume made its target")
    ids = listed_volumes(driver)
    expect(ids.count(volume) == 1 and stranger not in ids, f"refused calls changed the list of volumes: {ids}")
    os.rmdir(staging)


def check_node(driver, volume, context, work):
    node = driver.succeed_twice("NodeGetInfo")
    expect(node.node_id, "NodeGetInfo gave no node_id")
    staging = work / "staging"
    staging.mkdir()
    mounting = {"volumeId": volume, "volumeContext": context, "volumeCapability": CAPABILITY}
    driver.succeed_twice("NodeStageVolume", stagingTargetPath=str(staging), **mounting)
    mounts = mounts_at_or_below(staging)
    expect(mounts == [str(staging)], f"{staging} should be mounted once after NodeStageVolume; mounts: {mounts}")

    writable = work / "target"
    readable = work / "target-read-only"
    driver.succeed_twice(
        "NodePublishVolume", stagingTargetPath=str(staging), targetPath=str(writable), **mounting)
    driver.succeed_twice(
        "NodePublishVolume", stagingTargetPath=str(staging), targetPath=str(readable), readonly=True, **mounting)
    for target in (writable, readable):
        mounts = mounts_at_or_below(target)
        expect(mounts == [str(target)], f"{target} should be mounted once after NodePublishVolume; mounts: {mounts}")

    text = "safe in harbour\n"
    (writable / "greeting").write_text(text)
    for target in (writable, readable):
        found = (target / "greeting").read_text()
        expect(found == text, f"{target}/greeting reads {found!r}, {text!r} was written")
    for path in (readable / "greeting", readable / "another"):
        try:
            path.write_text("no")
        except OSError as error:
            expect(error.errno == errno.EROFS, f"writing {path} should fail with EROFS, fails with {error}")
        else:
            raise Difference(f"{path} could be written though it was published read-only")

    usage = json_format.MessageToDict(
        driver.succeed("NodeGetVolumeStats", volumeId=volume, volumePath=str(writable))).get("usage", [])
    bytes_ = [entry for entry in usage if entry.get("unit") == "BYTES"]
    expect(len(bytes_) == 1 and int(bytes_[0].get("total", 0)) > 0, f"NodeGetVolumeStats gives no bytes: {usage}")

    driver.refuse(grpc.StatusCode.FAILED_PRECONDITION, "DeleteVolume", volumeId=volume)
    for target in (writable, readable):
        driver.succeed_twice("NodeUnpublishVolume", volumeId=volume, targetPath=str(target))
        expect(not os.path.lexists(target), f"{target} is still there after NodeUnpublishVolume")
    found = (staging / "greeting").read_text()
    expect(found == text, f"the staged volume lost its file with the publications: {found!r}")
    driver.succeed_twice("NodeUnstageVolume", volumeId=volume, stagingTargetPath=str(staging))
    expect(staging.is_dir() and not mounts_at_or_below(staging), f"{staging} should be a directory and no mount")
    staging.rmdir()


def check_end(driver, volume, work):
    driver.succeed_twice("DeleteVolume", volumeId=volume)
    driver.refuse(grpc.StatusCode.NOT_FOUND, "ControllerGetVolume", volumeId=volume)
    expect(volume not in listed_volumes(driver), f"ListVolumes still has {volume} after DeleteVolume")
    left = os.listdir(work)
    expect(not left, f"{work} should be empty again, has {left}")
    mounts = mounts_at_or_below(work)
    expect(not mounts, f"mounts are left: {mounts}")


def main():
    parser = argparse.ArgumentParser(description="Drives a volume through its whole life by server reflection alone.")
    parser.add_argument("--endpoint", required=True, help="unix:///path of the driver's socket")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="a directory for staging and target paths")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(os.path.realpath(arguments.work)) / f"life-{os.getpid()}"
    work.mkdir()
    try:
        driver = Driver(arguments.endpoint)
        check_reflection(driver)
        check_identity(driver)
        volume, context = check_controller(driver, name=work.name)
        check_wrong_calls(driver, volume, work)
        check_node(driver, volume, context, work)
        check_end(driver, volume, work)
    except Difference as difference:
        sys.exit(f"life broken: {difference}")
    except grpc.RpcError as error:
        sys.exit(f"life broken: {error.code().name}: {error.details()}")
    work.rmdir()
    print("life ok")


if __name__ == "__main__":
    main()
