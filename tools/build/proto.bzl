"""birthmark_proto compiles .proto files to C++ with Debian's protoc."""

def _generate(name, src, all_srcs, extensions, command):
    stem = src[:-len(".proto")]
    native.genrule(
        name = "{}.{}".format(stem.replace("/", "_"), name),
        srcs = all_srcs,
        outs = [stem + extension for extension in extensions],
        cmd = " ".join([
            "/usr/bin/protoc",
            "--proto_path=" + native.package_name(),
            "--proto_path=/usr/include",
            command,
            native.package_name() + "/" + src,
        ]),
        message = "Generating C++ for",
        tags = ["no-sandbox"],
    )
    return [stem + extension for extension in extensions]

def birthmark_proto(name, srcs, services, visibility, grpc_visibility):
    """Makes the C++ library `name`, and `name`_grpc with the services.

    Include paths and import paths both start below this package. Every file
    is generated and compiled by itself, all of them side by side.

    Args:
      name: Name of the library with all messages.
      srcs: All .proto files.
      services: Those of `srcs` that declare a service.
      visibility: Who may use the messages.
      grpc_visibility: Who may use the services' generated clients and servers.
    """
    messages = {".pb.cc": [], ".pb.h": []}
    for src in srcs:
        for file in _generate(
            "pb",
            src,
            srcs,
            [".pb.cc", ".pb.h"],
            "--cpp_out=$(RULEDIR)",
        ):
            messages[file[file.index(".pb."):]].append(file)
    native.cc_library(
        name = name,
        srcs = messages[".pb.cc"],
        hdrs = messages[".pb.h"],
        copts = ["-w"],
        includes = ["."],
        linkstatic = True,
        visibility = visibility,
        deps = ["//third_party:protobuf"],
    )

    stubs = {".grpc.pb.cc": [], ".grpc.pb.h": []}
    for src in services:
        for file in _generate(
            "grpc",
            src,
            srcs,
            [".grpc.pb.cc", ".grpc.pb.h"],
            " ".join([
                "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin",
                "--grpc_out=$(RULEDIR)",
            ]),
        ):
            stubs[file[file.index(".grpc.pb."):]].append(file)
    native.cc_library(
        name = name + "_grpc",
        srcs = stubs[".grpc.pb.cc"],
        hdrs = stubs[".grpc.pb.h"],
        copts = ["-w"],
        includes = ["."],
        linkstatic = True,
        visibility = grpc_visibility,
        deps = [
            ":" + name,
            "//third_party:grpc",
        ],
    )
