# The libraries of a card: CUDA::cudart_static, polder::cublasLt and polder::cudnn, from a toolkit, a
# folder of cuDNN's own (CUDNN_ROOT) or Python packages (site-packages/nvidia/*/include and lib, or
# the folder "nvidia" itself in CUDNN_ROOT). Sets POLDER_CUDA_LIBRARIES_MISSING to what was not
# found. Read by the build, and by polder-config.cmake of an installed polder with CUDA.
find_package(CUDAToolkit QUIET)
find_package(Threads REQUIRED)

set(POLDER_CUDA_LIBRARIES_MISSING "")

# Where to look: the toolkit, the given folders, and beside the toolkit when it is a Python package.
set(_polder_folders ${CUDNN_ROOT} $ENV{CUDNN_ROOT})
foreach(folder ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_ROOT}
               $ENV{CUDNN_ROOT})
  file(GLOB siblings LIST_DIRECTORIES true ${folder}/../../*/include ${folder}/../*/include
                                           ${folder}/*/include)
  list(FILTER siblings INCLUDE REGEX "/nvidia/")
  list(TRANSFORM siblings REPLACE "/include$" "")
  list(APPEND _polder_folders ${siblings})
endforeach()

# _polder_library(NAME HEADER MAJORS ...): finds header and library, makes the target polder::NAME.
function(_polder_library name header)
  find_path(POLDER_${name}_INCLUDE_DIR ${header}
            HINTS ${_polder_folders} ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
  set(names ${name})
  foreach(major ${ARGN})
    list(APPEND names lib${name}.so.${major})  # Python packages have no lib${name}.so
  endforeach()
  find_library(POLDER_${name}_LIBRARY NAMES ${names} NAMES_PER_DIR
               HINTS ${_polder_folders} ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib lib64)
  mark_as_advanced(POLDER_${name}_INCLUDE_DIR POLDER_${name}_LIBRARY)
  if(NOT POLDER_${name}_INCLUDE_DIR OR NOT POLDER_${name}_LIBRARY)
    list(APPEND POLDER_CUDA_LIBRARIES_MISSING "${header} with lib${name}.so")
    set(POLDER_CUDA_LIBRARIES_MISSING ${POLDER_CUDA_LIBRARIES_MISSING} PARENT_SCOPE)
  elseif(NOT TARGET polder::${name})
    add_library(polder::${name} UNKNOWN IMPORTED)
    set_target_properties(polder::${name} PROPERTIES
      IMPORTED_LOCATION ${POLDER_${name}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES "${POLDER_${name}_INCLUDE_DIR};${CUDAToolkit_INCLUDE_DIRS}")
  endif()
endfunction()

_polder_library(cublasLt cublasLt.h 14 13 12)
_polder_library(cudnn cudnn_graph.h 9)
if(TARGET polder::cudnn)
  file(STRINGS ${POLDER_cudnn_INCLUDE_DIR}/cudnn_version.h lines
       REGEX "#define CUDNN_(MAJOR|MINOR) +[0-9]+")
  string(REGEX MATCHALL "[0-9]+" POLDER_CUDNN_VERSION "${lines}")
  list(JOIN POLDER_CUDNN_VERSION "." POLDER_CUDNN_VERSION)
  if(POLDER_CUDNN_VERSION VERSION_LESS 9.8)
    list(APPEND POLDER_CUDA_LIBRARIES_MISSING "cuDNN >= 9.8 (found ${POLDER_CUDNN_VERSION})")
  endif()
endif()
if(NOT TARGET CUDA::cudart_static)
  list(APPEND POLDER_CUDA_LIBRARIES_MISSING "libcudart_static.a")
endif()
