"""What the steps of the component library share: data digests, tables, lineage, the gate and the decision."""
