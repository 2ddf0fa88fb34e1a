"""birthmark_proto compiles .proto files to C++ with Debian's protoc."""

def birthmark_proto(name, srcs, visibility):
    """Makes the C++ library `name` with all messages and descriptors.

    Include paths and import paths both start below this package. Every file
    is generated and compiled by itself, all of them side by side. There is no
    generated code for services: lib/rpc works with their descriptors.

    Args:
      name: Name of the library.
      srcs: All .proto files.
      visibility: Who may use the library.
    """
    sources = []
    headers = []
    for src in srcs:
        stem = src[:-len(".proto")]
        native.genrule(
            name = stem.replace("/", "_") + ".pb",
            srcs = srcs,
            outs = [stem + ".pb.cc", stem + ".pb.h"],
            cmd = " ".join([
                "/usr/bin/protoc",
                "--proto_path=" + native.package_name(),
                "--proto_path=/usr/include",
                "--cpp_out=$(RULEDIR)",
                native.package_name() + "/" + src,
            ]),
            message = "Generating C++ for",
            tags = ["no-sandbox"],
        )
        sources.append(stem + ".pb.cc")
        headers.append(stem + ".pb.h")
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],
        includes = ["."],
        linkstatic = True,
        visibility = visibility,
        deps = ["//third_party:protobuf"],
    )
