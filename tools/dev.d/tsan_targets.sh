#!/usr/bin/env bash
# The test programs of libraries that run threads of their own.
echo base_test rpc_test channel_test control_test net_test agentd_test agent_rpc_test
