"""A repository rule that turns pkg-config modules into cc_library targets."""

_TARGET = """\
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _pkg_config(rctx, flag, modules):
    result = rctx.execute(["pkg-config", flag] + modules)
    if result.return_code != 0:
        fail("{} (tools/install installs what is missing)".format(
            result.stderr,
        ))
    return [word for word in result.stdout.strip().split(" ") if word]

def _debian_libraries_impl(rctx):
    targets = []
    for name, modules in sorted(rctx.attr.libraries.items()):
        # Headers are below /usr/include, where the compiler looks last; so a
        # library that we compile ourselves always comes first.
        defines = [
            flag[len("-D"):]
            for flag in _pkg_config(rctx, "--cflags-only-other", modules)
            if flag.startswith("-D")
        ]
        libs = _pkg_config(rctx, "--libs", modules)
        linkopts = (
            ["-Wl,--push-state,--as-needed"] + libs + ["-Wl,--pop-state"]
        )
        targets.append(_TARGET.format(
            name = name,
            defines = repr(defines),
            linkopts = repr(linkopts),
        ))
    rctx.file("BUILD.bazel", "\n".join(targets))

debian_libraries = repository_rule(
    implementation = _debian_libraries_impl,
    attrs = {
        "libraries": attr.string_list_dict(
            doc = "Target name to the pkg-config modules that it links.",
        ),
    },
    configure = True,
    local = True,
    doc = "Libraries from Debian packages. Only what is used gets linked.",
)
