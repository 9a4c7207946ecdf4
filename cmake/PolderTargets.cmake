# How a room of the house becomes a target, and how every target is compiled.

set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

# Sources say #include "polder/core/tensor.h", as users of an installed polder do: in the build tree
# that path is a link to this folder.
set(POLDER_INCLUDE_DIR ${CMAKE_CURRENT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${POLDER_INCLUDE_DIR})
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${POLDER_INCLUDE_DIR}/polder SYMBOLIC)

# Flags for our own sources, not for users: warnings are errors, results do not depend on errno.
add_library(polder_flags INTERFACE)
target_compile_options(polder_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Werror -fno-math-errno>)
if(POLDER_NATIVE)
  target_compile_options(polder_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(POLDER_SANITIZE)
  target_compile_options(polder_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined -fno-sanitize-recover=all -O1
      -fno-omit-frame-pointer>)
  target_link_options(polder_flags INTERFACE -fsanitize=address,undefined)
endif()

# polder_library(NAME SOURCES ... USES public-targets ... PRIVATE private-targets ...)
# makes the library polder::NAME.
function(polder_library name)
  cmake_parse_arguments(library "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(polder_${name} STATIC ${library_SOURCES})
  add_library(polder::${name} ALIAS polder_${name})
  set_target_properties(polder_${name} PROPERTIES EXPORT_NAME ${name}
                        POSITION_INDEPENDENT_CODE ON)
  target_compile_features(polder_${name} PUBLIC cxx_std_20)
  target_include_directories(polder_${name} PUBLIC
    $<BUILD_INTERFACE:${POLDER_INCLUDE_DIR}> $<INSTALL_INTERFACE:include>)
  target_link_libraries(polder_${name} PUBLIC ${library_USES}
    PRIVATE $<BUILD_INTERFACE:polder_flags> ${library_PRIVATE})
endfunction()

# polder_room: a library that is installed, for users of find_package(polder).
function(polder_room name)
  polder_library(${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY POLDER_ROOMS ${name})
endfunction()

# polder_eigen_sources(FILES ...): sources that instantiate Eigen's products. g++ 12 sees
# uninitialised registers in its own AVX-512 header there, under which warning depends on the
# optimisation level.
function(polder_eigen_sources)
  set_source_files_properties(${ARGN} PROPERTIES
    COMPILE_OPTIONS "-Wno-maybe-uninitialized;-Wno-uninitialized")
endfunction()
