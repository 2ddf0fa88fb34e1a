// What the thread sanitizer says wrongly, in libraries of others. Linked into
// every binary under --config=tsan; the sanitizer, a shared library, looks it
// up, so it must be visible.

// Abseil maps memory for the semaphore of a thread and hands it over in ways
// that the sanitizer does not see.
extern "C" __attribute__((visibility("default"))) const char*
__tsan_default_suppressions() {
  return "race:absl::lts_20220623::synchronization_internal::\n";
}
