# SPDX-License-Identifier: Apache-2.0
# What the library is built on: EG_LINK, by names that hold on another machine too.
# tools/packages.txt says what each is for.
set(EG_MODULES sqlite3 libxxhash jansson libpng libjpeg zlib libzip libcurl openblas)
set(EG_LIBRARIES lapacke sundials_cvode sundials_nvecserial sundials_sunlinsolspgmr
  sundials_sunnonlinsolfixedpoint m)

find_package(PkgConfig REQUIRED)
pkg_check_modules(EG_DEPS REQUIRED IMPORTED_TARGET ${EG_MODULES})
pkg_check_modules(POPT REQUIRED IMPORTED_TARGET popt) # of the program, not of the library
foreach(lib ${EG_LIBRARIES})
  find_library(EG_FOUND_${lib} ${lib} REQUIRED)
  mark_as_advanced(EG_FOUND_${lib})
endforeach()

# Matrix products and convolutions in f32, beside the BLAS that serves f64.
option(EG_DNNL "oneDNN for matrix products, convolutions, pools and recurrent cells" ON)
if(EG_DNNL)
  find_library(EG_FOUND_dnnl dnnl REQUIRED)
  mark_as_advanced(EG_FOUND_dnnl)
  list(APPEND EG_LIBRARIES dnnl)
  add_compile_definitions(EG_DNNL)
endif()

# Fits support vector machines; without it that kind of learner says so.
option(EG_LIBSVM "libsvm, where it is installed" ON)
if(EG_LIBSVM)
  find_library(EG_FOUND_svm svm)
  find_path(EG_SVM_HEADER libsvm/svm.h)
  mark_as_advanced(EG_FOUND_svm EG_SVM_HEADER)
  if(EG_FOUND_svm AND EG_SVM_HEADER)
    list(APPEND EG_LIBRARIES svm)
    add_compile_definitions(EG_LIBSVM)
  endif()
endif()

# EG_PARALLEL_OPTIONS compile src/base/parallel.c, EG_PARALLEL_LINK links.
if(EG_PARALLEL STREQUAL "openmp")
  find_package(OpenMP REQUIRED COMPONENTS C)
  set(EG_PARALLEL_OPTIONS ${OpenMP_C_FLAGS} -DEG_PARALLEL_OPENMP)
  set(EG_PARALLEL_LINK ${OpenMP_C_FLAGS})
elseif(EG_PARALLEL STREQUAL "pthread")
  set(EG_PARALLEL_OPTIONS -pthread -DEG_PARALLEL_PTHREAD)
  set(EG_PARALLEL_LINK -pthread)
elseif(NOT EG_PARALLEL STREQUAL "none")
  message(FATAL_ERROR "EG_PARALLEL is ${EG_PARALLEL}, not openmp, pthread or none")
endif()
set(EG_LINK PkgConfig::EG_DEPS ${EG_LIBRARIES} ${EG_PARALLEL_LINK})
