#pragma once

#include <stddef.h>
#include <stdint.h>

/// libFuzzer as a library (compiler-rt, fuzzer/FuzzerInterface.h): it is linked in by `-sanitize=fuzzer`, see the Makefile.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
