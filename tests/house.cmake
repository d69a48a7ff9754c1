# SPDX-License-Identifier: Apache-2.0
# The house itself: linters (label lint) and what an installed copy offers (label install).
# 77: skipped, because a tool is missing; the test prints which.
function(house_test name label timeout)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} SKIP_RETURN_CODE 77)
endfunction()

foreach(linter floors budgets selftest headers format spelling shell)
  house_test(lint_${linter} lint 120 bash tools/lint.sh ${linter} ${PROJECT_BINARY_DIR})
endforeach()
house_test(lint_tidy lint 2400 bash tools/lint.sh tidy ${PROJECT_BINARY_DIR})
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
set_tests_properties(lint_tidy PROPERTIES PROCESSORS ${cores})

# A release build of the library and the program, installed into a scratch prefix.
set(scratch ${CMAKE_CURRENT_BINARY_DIR}/install)
house_test(install install 900 bash tests/install/install.sh ${scratch})
set_tests_properties(install PROPERTIES FIXTURES_SETUP installed PROCESSORS ${cores})
house_test(install_small install 900 bash tests/install/small.sh ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(install_small PROPERTIES PROCESSORS ${cores})
house_test(install_symbols install 60 python3 tests/install/symbols.py ${scratch}/prefix)
house_test(install_readme install 120 bash tests/install/readme.sh ${scratch})
house_test(install_program install 120 bash tests/install/program.sh ${scratch}/prefix)
house_test(install_hardened install 60 bash tests/install/hardened.sh ${scratch}/prefix)
set_tests_properties(install_symbols install_readme install_program install_hardened PROPERTIES
  FIXTURES_REQUIRED installed)

# Exports against the standard's own checker.
house_test(onnx_checker golden 300 bash tests/golden/onnx_checker.sh
  $<TARGET_FILE:test_onnx_export>)
