# install + export: find_package(polder) gives polder::core ... polder::data and polder::polder (all).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY POLDER_ROOMS)
list(TRANSFORM rooms PREPEND polder_ OUTPUT_VARIABLE targets)
add_library(polder_polder INTERFACE)
add_library(polder::polder ALIAS polder_polder)
set_target_properties(polder_polder PROPERTIES EXPORT_NAME polder)
target_link_libraries(polder_polder INTERFACE ${targets})

install(TARGETS ${targets} polder_polder EXPORT polder-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT polder-targets NAMESPACE polder:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/polder)
foreach(room core kernels autograd nn optim lets doctor data reference verify)
  install(DIRECTORY ${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/polder
          FILES_MATCHING PATTERN "*.h" PATTERN "cpu" EXCLUDE PATTERN "cuda" EXCLUDE
          PATTERN "emulated" EXCLUDE)
endforeach()
install(FILES polder.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/polder)
configure_package_config_file(cmake/polder-config.cmake.in ${PROJECT_BINARY_DIR}/polder-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/polder)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/polder-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/polder-config.cmake
              ${PROJECT_BINARY_DIR}/polder-config-version.cmake
              cmake/PolderCudaLibraries.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/polder)
