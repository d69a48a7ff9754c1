# SPDX-License-Identifier: Apache-2.0
# cmake --install: both libraries, headers, engram.pc, the CMake package, the program with its
# man page, completion and data.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/engram)

install(TARGETS engram_shared engram_static EXPORT engramTargets)
install(DIRECTORY include/engram TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(EXPORT engramTargets NAMESPACE engram:: DESTINATION ${package_dir})
configure_package_config_file(cmake/engramConfig.cmake.in cmake/engramConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(cmake/engramConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/engramConfig.cmake
  ${PROJECT_BINARY_DIR}/cmake/engramConfigVersion.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
# By name, not as Requires.private: that would ask for the static libraries of libcurl and others.
list(TRANSFORM EG_LIBRARIES PREPEND -l OUTPUT_VARIABLE pc_libraries)
list(JOIN EG_DEPS_LDFLAGS " " pc_modules)
list(JOIN pc_libraries " " pc_libraries)
configure_file(cmake/engram.pc.in cmake/engram.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/engram.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE CITATION.cff TYPE DOC)
if(EXISTS ${PROJECT_SOURCE_DIR}/data)
  install(DIRECTORY data DESTINATION ${CMAKE_INSTALL_DATADIR}/engram)
endif()
if(TARGET engram)
  install(TARGETS engram)
endif()
