# cove_grpcpp_peer: the agent's services as grpc++ stubs, the foreign peer of the interoperability tests and of
# rpc_bench. Not linked into anything that users get.
include_guard(GLOBAL)
find_program(COVE_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
find_library(COVE_GRPCPP grpc++ REQUIRED)
find_library(COVE_GRPC grpc REQUIRED)
find_library(COVE_GPR gpr REQUIRED)
find_library(COVE_ABSL_SYNCHRONIZATION absl_synchronization REQUIRED)

set(stubs ${COVE_GENERATED_DIR}/proto/agent.grpc.pb)
add_custom_command(
  OUTPUT ${stubs}.cc ${stubs}.h
  COMMAND ${COVE_PROTOC} --grpc_out=${COVE_GENERATED_DIR} --plugin=protoc-gen-grpc=${COVE_GRPC_CPP_PLUGIN}
          -I${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/proto/agent.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/proto/agent.proto
  VERBATIM)
add_library(cove_grpcpp_peer STATIC EXCLUDE_FROM_ALL ${stubs}.cc ${stubs}.h)
target_compile_options(cove_grpcpp_peer PRIVATE ${COVE_MACHINE_WRITTEN_OPTIONS})
target_link_libraries(cove_grpcpp_peer PUBLIC cove_proto_agent ${COVE_GRPCPP} ${COVE_GRPC} ${COVE_GPR}
                      ${COVE_ABSL_SYNCHRONIZATION})
