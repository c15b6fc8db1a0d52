from voice.cli.main import main

main()
