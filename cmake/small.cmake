# SPDX-License-Identifier: Apache-2.0
# The small build, for devices: run a frozen network of ONNX, teach memories what its features are
# of, recall. Reference kernels alone: no oneDNN, BLAS, SQLite, CVODE or threads, nothing linked but
# the C library. Target engram_small, a static library; small_device, a program of it whose size
# tests/install/small.sh checks.
#
#   cmake --preset small && cmake --build --preset small
#
# EG_SMALL is defined in all of it. Headers of xxHash and Random123 are read, neither is linked.
set(small_files)
foreach(floor base kernel tensor bits binary assoc grad memory hybrid)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${floor}/*.c)
  list(APPEND small_files ${files})
endforeach()
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/model/onnx*.c)
list(APPEND small_files ${files})
# what is for one CPU, for a library, or writes a learner as ONNX
list(FILTER small_files EXCLUDE REGEX "_avx2\\.c|_avx512\\.c|_dnnl\\.c|/flow\\.c|/onnx_trace")
# networks run node by node: no frozen ones; no scattering
list(FILTER small_files EXCLUDE REGEX
  "/kernel_frozen|/kernel_scatter|/frozen_|/onnx_plan|/onnx_freeze")
# what stands on learners, or on descriptions in JSON, is not of this build
list(FILTER small_files EXCLUDE REGEX
  "/hybrid/(.*learn|.*layer|head|quantiser).*\\.c|/onnx_learner|/json_read")

add_library(engram_small STATIC ${small_files})
target_include_directories(engram_small PUBLIC ${PROJECT_SOURCE_DIR}/include
  PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(engram_small PRIVATE EG_SMALL XXH_INLINE_ALL)
target_compile_options(engram_small PUBLIC -Os -ffunction-sections -fdata-sections
  -fno-asynchronous-unwind-tables)

add_executable(small_device ${PROJECT_SOURCE_DIR}/tests/install/small_device.c)
target_include_directories(small_device PRIVATE ${PROJECT_SOURCE_DIR}/src
  ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(small_device PRIVATE engram_small m)
target_link_options(small_device PRIVATE -static -Wl,--gc-sections -s)
