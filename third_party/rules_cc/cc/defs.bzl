"""The part of rules_cc that the other rule sets load.

Debian's rules_cc is too new for Debian's Bazel; these are Bazel's own rules
under the names that rules_cc gives them.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_library = native.objc_library
