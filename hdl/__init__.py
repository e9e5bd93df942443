"""What the FPGA does: synthesizable fixed-point cores in Amaranth, delivered as Verilog."""
