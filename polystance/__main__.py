from polystance.cli import main

main()
