"""The guest agent's messages by their published numbers, written down here once more on purpose: a test that took
them from proto/agent.proto would not notice a number that changed there.
"""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "interop.agent"
# message: fields as "name number type"; "*" repeated, "?" optional, "map" a map of strings, "|" in a oneof.
TABLE = {
    "Empty": "",
    "Timestamp": "seconds 1 int64, nanos 2 int32",
    "PingResponse": "timestamp 1 Timestamp, version 2 string",
    "InfoResponse": "hostname 1 string, os_version 2 string, kernel_version 3 string, arch 4 string, memory_total 5 uint64,"
                    "memory_available 6 uint64, disk_total 7 uint64, disk_available 8 uint64, users 9 *string,"
                    "load_avg_1 10 double, load_avg_5 11 double, load_avg_15 12 double, uptime_seconds 13 uint64,"
                    "agent_version 14 string, agent_commit 15 string, agent_build_date 16 string, agent_sha256 17 string",
    "ExecRequest": "args 1 *string, env 2 map, working_dir 3 string, user 4 ?string, stdin 5 ?bytes",
    "ExecResponse": "exit_code 1 int32, stdout 2 bytes, stderr 3 bytes, duration_seconds 4 double",
    "ExecOutput": "stream 1 int32, data 2 bytes, exit_code 3 ?int32",
    "CopyInInit": "path 1 string, mode 2 uint32, create_parents 3 bool",
    "CopyInChunk": "init 1 |CopyInInit, data 2 |bytes",
    "CopyOutRequest": "path 1 string",
    "CopyOutInit": "total_size 1 uint64, mode 2 uint32",
    "CopyOutChunk": "init 1 |CopyOutInit, data 2 |bytes",
    "WriteFileRequest": "path 1 string, data 2 bytes, mode 3 uint32, create_parents 4 bool, append 5 bool",
    "ReadFileRequest": "path 1 string, offset 2 ?uint64, limit 3 ?uint64",
    "ReadFileResponse": "data 1 bytes, size 2 uint64, mode 3 uint32",
    "MkdirRequest": "path 1 string, all 2 bool, mode 3 uint32",
    "ShutdownRequest": "force 1 bool",
}
Field = descriptor_pb2.FieldDescriptorProto


def add_map_entry(message):
    entry = message.nested_type.add(name="EnvEntry")
    entry.options.map_entry = True
    for number, name in ((1, "key"), (2, "value")):
        entry.field.add(name=name, number=number, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    return f".{PACKAGE}.{message.name}.EnvEntry"


def add_field(message, text):
    name, number, kind = text.split()
    field = message.field.add(name=name, number=int(number), label=Field.LABEL_OPTIONAL)
    mark, kind = (kind[0], kind[1:]) if kind[0] in "*?|" else ("", kind)
    if mark == "*" or kind == "map":
        field.label = Field.LABEL_REPEATED
    if mark == "|":
        if not message.oneof_decl:
            message.oneof_decl.add(name="part")
        field.oneof_index = 0
    if mark == "?":
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name="_" + name)
    if kind == "map":
        field.type, field.type_name = Field.TYPE_MESSAGE, add_map_entry(message)
    elif kind in TABLE:
        field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(Field, "TYPE_" + kind.upper())


def classes():
    file = descriptor_pb2.FileDescriptorProto(name="interop_agent.proto", package=PACKAGE, syntax="proto3")
    for name, fields in TABLE.items():
        message = file.message_type.add(name=name)
        for text in filter(None, (part.strip() for part in fields.split(","))):
            add_field(message, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in TABLE}
