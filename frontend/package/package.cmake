# SPDX-License-Identifier: MIT
# What is installed beside the programs, and the Debian package: `cpack --config build/CPackConfig.cmake` in any folder makes
# rvive_VERSION_amd64.deb for the Debian that it runs on (docs/packages.md).
include(GNUInstallDirs)
set(package_dir ${CMAKE_SOURCE_DIR}/frontend/package)

# Manual pages and completions come from the tables of flags and commands.
add_executable(rvive-package ${package_dir}/generate.c ${package_dir}/manual.c ${package_dir}/completion.c)
target_compile_definitions(rvive-package PRIVATE RVIVE_VERSION="${PROJECT_VERSION}")
set(package_files rvive.1 rvive-img.1 rvive.bash rvive.zsh rvive.fish)
foreach(name ${package_files})
  add_custom_command(OUTPUT package/${name} COMMAND rvive-package ${name} package/${name} DEPENDS rvive-package VERBATIM)
  list(APPEND package_outputs package/${name})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
# Debian wants manual pages and the changes compressed, without a date inside.
foreach(name package/rvive.1 package/rvive-img.1)
  add_custom_command(OUTPUT ${name}.gz COMMAND gzip -9nkf ${name} DEPENDS ${name} VERBATIM)
  list(APPEND package_outputs ${name}.gz)
endforeach()
add_custom_command(OUTPUT package/changelog.gz
                   COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/CHANGELOG.md package/changelog
                   COMMAND gzip -9nf package/changelog
                   DEPENDS ${CMAKE_SOURCE_DIR}/CHANGELOG.md VERBATIM)
add_custom_target(package_files ALL DEPENDS ${package_outputs} package/changelog.gz)

set(built ${CMAKE_BINARY_DIR}/package)
# The default firmware, if roms/run.sh has fetched it (its licence is beside it).
install(DIRECTORY ${CMAKE_BINARY_DIR}/firmware DESTINATION ${CMAKE_INSTALL_DATADIR}/rvive OPTIONAL)
install(FILES ${built}/rvive.1.gz ${built}/rvive-img.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${built}/rvive.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME rvive32.1.gz)
foreach(name rvive rvive32 rvive-img) # bash looks for a file with the program's name
  install(FILES ${built}/rvive.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${name})
endforeach()
install(FILES ${built}/rvive.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _rvive)
install(FILES ${built}/rvive.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${package_dir}/rvive.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)
install(FILES ${package_dir}/rvive.svg DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps)
install(PROGRAMS ${package_dir}/open-image.sh DESTINATION lib/rvive RENAME open-image)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES ${built}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME rvive)
set(CPACK_PACKAGE_VENDOR "The Rvive developers")
set(CPACK_PACKAGE_CONTACT "The Rvive developers <rvive@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "RISC-V machine emulator with dynamic binary translation")
set(CPACK_PACKAGE_DESCRIPTION
"Rvive is a RISC-V computer with one to many harts, RAM, a console, disks,
a network, a screen and a clock. It runs unmodified operating systems and
firmware. The machine and the flags are those of QEMU's virt.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION otherosfs)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "opensbi, u-boot-qemu")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "qemu-efi-riscv64, gdb-multiarch")
include(CPack)
