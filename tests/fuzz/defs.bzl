"""One fuzz target, run in two ways."""

def fuzz_target(name, srcs, deps):
    """Makes a test of bounded mutations, and a libFuzzer binary.

    Args:
      name: NAME_test runs with every test run; NAME is the libFuzzer binary,
        built on demand with --config=fuzz.
      srcs: defines LLVMFuzzerTestOneInput and birthmark::fuzz::Seeds.
      deps: what srcs need.
    """
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = srcs,
        deps = deps + [":fuzz_target"],
        alwayslink = True,
    )
    native.cc_test(
        name = name + "_test",
        size = "medium",
        deps = [
            ":" + name + "_target",
            ":mutations",
        ],
    )
    native.cc_binary(
        name = name,
        testonly = True,
        srcs = ["libfuzzer_seeds.cc"],
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [
            ":" + name + "_target",
            ":fuzz_target",
        ],
    )
