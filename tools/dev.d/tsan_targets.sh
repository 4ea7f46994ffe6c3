#!/usr/bin/env bash
# The test programs of the libraries that have threads: what runs under TSan.
echo base_test rpc_test net_test agentd_test channel_test control_test agent_rpc_test supervisor_test
