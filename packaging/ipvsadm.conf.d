# The saved table, which is restored at boot.
IPVSADM_SAVE="/var/lib/ipvsadm/rules-save"

# Options for ipvsadm-save: -n saves addresses, not names.
SAVE_RESTORE_OPTIONS="-n"

# Save the table before `stop` clears it: yes or no.
SAVE_ON_STOP="yes"
