<?php
// Fills an empty database as the installer of the site would, and prints an application password of the editor.
// php install.php DIRECTORY-OF-WORDPRESS HOST PASSWORD
[, $directory, $host, $password] = $argv;
$_SERVER += ['HTTP_HOST' => $host, 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1'];
$_SERVER['HTTP_HOST'] = $host;
define('WP_INSTALLING', true);
define('WP_SITEURL', "https://$host");
require "$directory/wp-load.php";
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Blog', 'root', 'root@example.com', true, '', $password);
update_option('siteurl', "https://$host");
update_option('home', "https://$host");
update_option('permalink_structure', '/%postname%/');
update_option('users_can_register', 1);
update_option('admin_email_lifespan', time() + YEAR_IN_SECONDS);
flush_rewrite_rules();
$anna = wp_insert_user(['user_login' => 'anna', 'user_email' => 'anna@example.com', 'user_pass' => $password, 'role' => 'editor']);
[$secret] = WP_Application_Passwords::create_new_application_password($anna, ['name' => 'telephone']);
echo $secret;
