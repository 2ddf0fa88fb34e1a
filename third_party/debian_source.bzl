"""A repository rule for the source packages that we compile ourselves."""

def _debian_source_impl(rctx):
    result = rctx.execute(
        [
            rctx.path(rctx.attr._fetch),
            rctx.attr.suite,
            rctx.attr.package,
            rctx.attr.version,
            rctx.attr.tarball,
            rctx.attr.sha256,
            str(rctx.path(".")),
        ],
        timeout = 1200,
    )
    if result.return_code != 0:
        fail("{}: {}{}".format(rctx.name, result.stdout, result.stderr))

    # Upstream's own packages want the network and would hide ours.
    rctx.execute(["find", ".", "-name", "BUILD", "-type", "f", "-delete"])
    rctx.execute(["find", ".", "-name", "BUILD.bazel", "-type", "f", "-delete"])
    rctx.execute(["rm", "-f", ".bazelignore", "WORKSPACE"])
    for patch in rctx.attr.patches:
        rctx.patch(patch, strip = 1)
    for path, label in rctx.attr.extra_files.items():
        rctx.symlink(Label(label), path)
    rctx.file("WORKSPACE", "workspace(name = \"{}\")\n".format(rctx.name))
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

debian_source = repository_rule(
    implementation = _debian_source_impl,
    attrs = {
        "build_file": attr.label(
            mandatory = True,
            allow_single_file = True,
            doc = "The BUILD file that replaces all of upstream's.",
        ),
        "extra_files": attr.string_dict(
            doc = "Files of ours to add: path in the repository, label.",
        ),
        "package": attr.string(mandatory = True),
        "patches": attr.label_list(
            allow_files = True,
            doc = "Patches to apply, with one leading component to strip.",
        ),
        "sha256": attr.string(mandatory = True),
        "suite": attr.string(default = "trixie"),
        "tarball": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
        "_fetch": attr.label(
            default = "//third_party:fetch_debian_source.sh",
            allow_single_file = True,
        ),
    },
    doc = "The upstream tarball of a Debian source package, checked " +
          "against a pinned digest.",
)
